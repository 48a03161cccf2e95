"""Volatile overlays: what was written may be lost, and the work directory says so."""

from functools import partial

from ..harness.stack import Manner, Twin
from . import parts
from .core import option
from .parts import OUTSIDE, lower, lowers, upper, work
from .unmounted import GONE, RELATIVE, TAKEN

after = partial(parts.after, "volatile", options=option("volatile"), needs=("volatile",))

STACKS = (
    after("plain", "located"),
    after("names-taken", "unmounted", GONE, TAKEN),
    after("covered-by-twin", "covered", Twin("store", b"/store")),
    after("relative", "located", TAKEN, **RELATIVE),
    after("appended", "located", manner=Manner.APPEND, needs=("volatile", "append")),
    after("userxattr", "located", options=option("volatile,userxattr"), needs=("volatile", "user-xattrs")),
    after("index", "located", options=option("volatile,index=on"), vantages=OUTSIDE),
    after("metacopy", "located", options=option("volatile,metacopy=on"), vantages=OUTSIDE),
    after("odd-names", "located", layers=(upper(b"/u:,"), lower(b"/volatile,x"), *lowers(1)), work=work(b"/w\\")),
)
