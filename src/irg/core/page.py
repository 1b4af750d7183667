"""The frame of every HTML page that irg writes: one file, with its pictures inside it."""

from html import escape

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing is loaded from elsewhere and nothing runs, whatever a model or a data set put into a text."""


def document(title: str, style: str, body: str) -> str:
    """A whole page. `title` is plain text; `style` is CSS and `body` HTML, which the caller has escaped."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
