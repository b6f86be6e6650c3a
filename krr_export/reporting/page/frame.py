"""The page inside another one, such as a notebook's: in a frame, so that neither's styles reach the other."""

from __future__ import annotations

from html import escape

_STYLE = "width:100%;height:640px;border:0;border-radius:6px;background:#fff"


def framed(page: str, title: str) -> str:
    """Return a frame that shows a page; nothing in it can run, send or reach the page around it.

    Args:
        page: the HTML of a whole page.
        title: of the frame, for those who do not see it.
    """
    return f'<iframe sandbox title="{escape(title)}" style="{_STYLE}" srcdoc="{escape(page)}"></iframe>'
