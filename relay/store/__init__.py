"""SQLite: the schema, and the parts that writing and reading share.

`write` changes a database and `read` reads it; neither imports the other. Others use `write.client.Writer`,
`read.reader.Reader`, `read.search`, `read.selection` and `errors`.
"""
