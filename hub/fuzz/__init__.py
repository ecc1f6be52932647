"""The differential fuzz of reading: random documents for random callers, answered by the hub and by an oracle.

The oracle (`oracle`, `answer`, `asked`, `checking`, `conditions`, `counts`, `ground`, `rights`, `rows`, `scope`,
`telling`) shares no code with the compiler: it reads every row by a plain SELECT and does the rest in Python. `draw`
makes documents, `engine` asks the hub in this process, `trial` runs and compares. Nothing is written.
"""
