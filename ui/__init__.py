"""The pages. NiceGUI is loaded here, without what only the client of its Socket.IO needs: a fifth of its loading.

No such client can be had in this process afterwards.
"""

import sys

_OF_THE_CLIENT = ("aiohttp", "requests")

_hidden = [name for name in _OF_THE_CLIENT if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]  # None says that there is no such module
try:
    import nicegui  # noqa: F401
finally:
    for _name in _hidden:
        sys.modules.pop(_name, None)
