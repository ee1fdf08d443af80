"""Processes that answer what is only read.

A county's reading is half a core of Python and more. In the web process it would be done in threads, which take the
interpreter from each other, and from the lessons on air, with every row they fetch. So the web process remains the door
(connections, limits, the trail, lessons, everything that changes) and hands questions to readers:

    question, answer    a request that a reader can answer, and what it says (`frames`)
    link                the web process's end of the socket to one reader (`links`)
    nursery             the process that readers are forked from (`nursery`)
    reader              answers one question after the other (`reading`)

Which routes readers have is told by what the routes need (`fitting`). Only what went well is taken from a reader; for
everything else (a refusal, a fault, a reader that died) the web process does the whole request itself, as it would
without readers: that there are any changes nothing but the time. docs/decisions/0075.
"""
