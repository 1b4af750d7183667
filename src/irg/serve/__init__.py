"""The server: an API for every client, a page for people, and what it takes to keep both running.

app         the routes; responses, chat, images are the forms that are asked and answered in
asking      from what was asked to what the engine is to do; planning, by which of the `plans` of steps
service     the engine's processes: who is in them, who starts one again
worker      one such process, a model on a device; it speaks `protocol`
scheduler   its loop: texts are written while pictures are drawn, each in batches
course      an episode as a program that says what it `needs` next; planned, one by a plan of steps
history     what episodes came to, to go on from
gate        what every request passes before: `callers`, their `tokens`, bounds, `journal`, `metrics`
limits      what a request may ask for; remote, how pictures elsewhere are had
page        the page's files, which are in `static`
front       all of it put together, on this machine; replicas, on a Ray cluster
"""
