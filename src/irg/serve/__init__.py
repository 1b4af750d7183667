"""Serving: think, draw, reflect and draw again as one streamed request, in the forms that clients have today.

app        the routes, by the model's name
responses, chat, images    what each form asks and answers
asking     from what was asked to what the engine is to do
service    the engine's processes: who runs, who waits, who starts one again
worker     one such process: a model on a device
scheduler  its loop: texts are written while pictures are drawn, each in batches
course     an episode as a program that says what it needs next
"""
