"""The manual that comes with the program: a page for each topic, shown by `lean-relay help TOPIC`.

Pages are Markdown; their tables are made from the declarations of what they describe. Others use `pages`
(`TOPICS`, `page`) and `kinds`.
"""
