"""Pure functions on text and on JSON bytes: nothing here opens a file or reads a clock.

Others use `safe` (text that is safe on a terminal), `units` (times and sizes), `captures`, `refusals`,
`team` and `tls_facts` (wording that commands and screens share), `targets`, `layout` and `export` (bodies,
HTTP and curl), `json_values`, `json_tokens`, `json_scan`, `json_splice` and `json_merge` (JSON with its bytes
kept), `decoding`, `encodings`, `local_time`, `prefilter`.
"""
