"""Plain pages: complete without a script, so that they cost little and show even when little else works."""

from html import escape

from fastapi.responses import HTMLResponse


def plain_page(title: str, content: str, status: int = 200) -> HTMLResponse:
    """A page around this HTML; the title is text."""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/theme.css">'
        f'<body class="plain-page"><main>{content}</main></body></html>',
        status,
    )


def nowhere() -> HTMLResponse:
    """404."""
    return plain_page(
        "There is no such page",
        '<div class="panel-plain"><h1>There is no such page</h1>'
        "<p>The address is mistyped, or what was there has moved.</p>"
        '<a class="button" href="/app/jobs">All jobs</a></div>',
        404,
    )
