"""A layer on its line, in the form that nearly all have: what stands around that which differs from layer to layer.

The writer fills such frames, and the reader takes lines apart by them.
"""

from __future__ import annotations

from .strings import string

TYPE_CHECKING = False
if TYPE_CHECKING:
    Words = tuple[str, str, int, str, str, str, str, str]
    Frame = tuple[str, str, str, str, str]

BEFORE_GENERATION = '", "generation": '
END = "}}"
BEGIN_OF_ARRAY, BEGIN_OF_LINE, END_OF_ARRAY = '"layers": [', "\n    ", "\n   ]"

_known: dict[Words, Frame] = {}


def frame_of(words: Words) -> Frame:
    """What comes before the declared name, the inode number, the handle's bytes, the path, and the path of the place.

    `words`: role (empty of a work directory), file system, type of the handle, who made it, state, assurance, method,
    mount of the place.
    """
    frame = _known.get(words)
    if frame is None:
        kind = words[2]
        role, filesystem, made_by, state, assurance, method, mount = map(string, words[:2] + words[3:])
        frame = _known[words] = (
            f'{{"role": {role}, "declared": ' if words[0] else '{"declared": ',
            f', "identity": {{"filesystem": {filesystem}, "inode": "',
            f', "handle": {{"type": {kind}, "bytes": "',
            f'", "madeBy": {made_by}}}}}, "path": ',
            f', "state": {state}, "assurance": {assurance}, "method": {method}, '
            f'"location": {{"mount": {mount}, "path": ',
        )
    return frame
