"""Offsets and sizes of members, asked of the kernel itself: its loader relocates a program (CO-RE, Linux 5.17).

The program's own types name structures and members; of an instruction that moves a number into a register, the
kernel replaces the number by what its types say (include/uapi/linux/bpf.h, enum bpf_core_relo_kind). Run once, the
program leaves the numbers in an array. A name that means different things is refused: then the plain reader serves.

The kernel searches all its types for each structure's name and remembers some thirty of them by a hash of the name,
so that a second load is quick where few names fall together; that is why a shape may be asked for as part of another.
"""

from __future__ import annotations

import mmap
import struct

from ..linux import bpf
from ..linux.syscall import closing
from .shape import LIST, POINTER, STRUCTURE, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .shape import Shape

    Tree = dict[str, "Tree | int"]

_OFFSET, _SIZE, _EXISTS, _SHIFT, _TYPE_EXISTS, _TYPE_SIZE = 0, 1, 2, 5, 8, 9  # what can be asked
_INT, _PTR, _ARRAY, _STRUCT, _FUNC, _FUNC_PROTO = 1, 2, 3, 4, 12, 13  # kinds of types
_MAIN = 6  # the type of the program's function

_answer = struct.Struct("=3I")  # whether it exists, its offset, its size (of a number: 64 less its bits)
_CONSTANT, _TO_MAP = bpf.registers(2, 0), bpf.registers(6, 2)
_BEGIN = 16  # bytes before the first question: they load the array's address
_ASKED_SIZE = {WORD: (_SHIFT, 32), POINTER: (None, 8)}  # by what a member is; a pointer's is known


class Place:
    """Where a member is in its structure, and its size, in bytes."""

    kind = None  # the loader has looked at that: it tells no place of a member that is something else

    def __init__(self, offset: int, size: int | None) -> None:
        self.offset = offset
        self.size = size


class Relocated:
    """A structure of the kernel's: its size, and the places of the members that were asked for."""

    def __init__(self, size: int, base: int, prefix: str, places: dict[str, tuple[int, int]]) -> None:
        self.size = size
        self._base = base
        self._prefix = prefix
        self._places = places

    def find(self, path: str) -> Place | None:
        """Where a member is; None where there is none."""
        found = self._places.get(self._prefix + path)
        return None if found is None else Place(found[0] - self._base, found[1])


def relocated(shapes: Iterable[type[Shape]]) -> dict[type[Shape], Relocated]:
    """Those of the shapes whose structures this kernel has. Raises OSError where its loader can't or won't tell."""
    trees: dict[str, Tree] = {}
    paths: dict[str, bool] = {}  # those to ask for, and whether it is certain that they are there
    wanted = list(shapes)
    for shape in wanted:
        first, prefix = _whole(shape)
        paths.setdefault(f"{first}.{prefix}"[:-1], True)
        tree = trees.setdefault(first, {})
        for member in shape.members.values():
            certain = shape.certain and not member.optional and len(member.paths) == 1
            for path in member.paths:
                name = f"{first}.{prefix}{path}"
                paths[name] = certain and paths.get(name, True)
                _plant(tree, prefix + path, member.local)
    program = _Program(paths)
    for name, tree in trees.items():
        program.ask_structure(name, tree)
    places = program.answers()
    found = {}
    for shape in wanted:
        first, prefix = _whole(shape)
        key = f"{first}.{prefix}"
        whole = places.get(key[:-1])
        if whole is not None:
            found[shape] = Relocated(whole[1], whole[0], key, places)
    return found


def _whole(shape: type[Shape]) -> tuple[str, str]:
    """The structure whose name is searched for, and what comes before a member's path there."""
    first, _, rest = (shape.part_of or shape.structure.decode()).partition(".")
    return first, rest + "." if rest else ""


def _plant(tree: Tree, path: str, kind: int) -> None:
    *above, last = path.split(".")
    for part in above:
        inner = tree.get(part)
        if not isinstance(inner, dict):
            inner = tree[part] = {}
        tree = inner
    tree.setdefault(last, kind)


def _bytes_left(shift: int) -> int:
    """The size of a number; 0, which serves for none, of a bit field."""
    return 0 if shift % 8 else (64 - shift) // 8


class _Program:
    """The questions, as instructions with relocations, and the types that they speak of."""

    def __init__(self, wanted: dict[str, bool]) -> None:
        """`wanted`: the paths to ask for, with the structure's name before them; whether they are certain to exist.

        Where one that is certain is missing, the kernel refuses the program.
        """
        self._wanted = wanted
        self._offsets: dict[str, int] = {}
        self._text = ["", "int", "f"]
        self._end = 7
        self._types = [
            struct.pack("=4I", 1, _INT << 24, 4, 32),
            struct.pack("=3I", 0, _PTR << 24, 0),
            struct.pack("=3I", 0, _STRUCT << 24, 8),
            struct.pack("=6I", 0, _ARRAY << 24, 0, STRUCTURE, WORD, 1),  # so far WORD, POINTER, STRUCTURE, LIST
            struct.pack("=3I", 0, _FUNC_PROTO << 24, WORD),
            struct.pack("=3I", 5, _FUNC << 24, _MAIN - 1),
        ]
        self._asked: list[tuple[str, int | None, bool]] = []
        self._code: list[int] = []  # four numbers an instruction
        self._relocations: list[int] = []  # four numbers each

    def ask_structure(self, name: str, tree: Tree) -> None:
        """Asks for its size and for everything in the tree, where it is there."""
        numbers: list[tuple[str, str, int]] = []
        type_id = self._structure(name, tree, name, "0", numbers)
        code, slot = self._code, _answer.size * len(self._asked)
        self._asked.append((name, _TYPE_SIZE, False))
        whole = self._string("0")
        self._store(slot, 1, type_id, whole, _TYPE_EXISTS)
        code += (bpf.JUMP_IF_NUMBER, _CONSTANT, 0, 0)
        begin = len(code)
        self._store(slot + 8, 8, type_id, whole, _TYPE_SIZE)
        for path, access, kind in numbers:
            self._ask(path, type_id, self._string(access), kind)
        code[begin - 2] = (len(code) - begin) // 4

    def _structure(self, name: str, tree: Tree, path: str, access: str, found: list[tuple[str, str, int]]) -> int:
        """The number of a type that has the members of a tree, all of them at its begin, for their places are asked."""
        members = []
        for index, (part, inner) in enumerate(tree.items()):
            here, there = f"{path}.{part}", f"{access}:{index}"
            if isinstance(inner, int):
                kind = leaf = inner
            elif "0" in inner:
                element = inner["0"]
                assert isinstance(element, dict)
                if here + ".0" in self._wanted:
                    found.append((here + ".0", there + ":0", STRUCTURE))
                kind = self._structure("", element, here + ".0", there + ":0", found)
                kind, leaf = self._add(struct.pack("=6I", 0, _ARRAY << 24, 0, kind, WORD, 1)), LIST
            else:
                kind, leaf = self._structure("", inner, here, there, found), STRUCTURE
            if here in self._wanted:
                found.append((here, there, leaf))
            members.append(struct.pack("=3I", self._string(part), kind, 0))
        return self._add(struct.pack("=3I", self._string(name), _STRUCT << 24 | len(members), 8) + b"".join(members))

    def _add(self, record: bytes) -> int:
        self._types.append(record)
        return len(self._types)

    def _string(self, text: str) -> int:
        if not text:
            return 0
        offset = self._offsets.get(text)
        if offset is None:
            offset = self._offsets[text] = self._end
            self._text.append(text)
            self._end += len(text) + 1
        return offset

    def _ask(self, name: str, type_id: int, access: int, kind: int) -> None:
        """Is it there, unless that is certain? Store that, and go to the next one where not. Store place and size."""
        how, size = _ASKED_SIZE.get(kind, (_SIZE, 8))
        certain, slot = self._wanted[name], _answer.size * len(self._asked)
        self._asked.append((name, how, certain))
        if not certain:
            self._store(slot, 1, type_id, access, _EXISTS)
            self._code += (bpf.JUMP_IF_NUMBER, _CONSTANT, 2 if how is None else 4, 0)
        self._store(slot + 4, 0, type_id, access, _OFFSET)
        if how is not None:
            self._store(slot + 8, size, type_id, access, how)

    def _store(self, place: int, own: int, type_id: int, access: int, question: int) -> None:
        """Store an answer, which the kernel puts in the place of what is true of the program's own type."""
        code = self._code
        self._relocations += (_BEGIN + 2 * len(code), type_id, access, question)
        code += (bpf.MOVE_NUMBER, _CONSTANT, 0, own, bpf.STORE_32, _TO_MAP, place, 0)

    def _btf(self) -> bytes:
        types, strings = b"".join(self._types), "\0".join((*self._text, "")).encode()
        size = len(types)
        return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, size, size, len(strings)) + types + strings

    def answers(self) -> dict[str, tuple[int, int]]:
        """Offset and size of what there is."""
        size = _answer.size * len(self._asked)
        with closing(bpf.array_map(size)) as array, closing(bpf.load_types(self._btf())) as types:
            ending = (bpf.MOVE_NUMBER, 0, 0, 0, bpf.EXIT, 0, 0, 0)
            code = bpf.load_map_value(6, array) + bpf.instructions((*self._code, *ending))
            with closing(bpf.load(code, types, ((0, _MAIN),), self._relocations)) as program:
                bpf.Runner(program, 8).run()
            with mmap.mmap(array, size) as shared:
                data = shared[:]
        found = {}
        whole_exists = 0
        for (name, how, certain), (exists, offset, size) in zip(self._asked, _answer.iter_unpack(data), strict=True):
            if how == _TYPE_SIZE:
                whole_exists = exists
            if exists or (certain and whole_exists):
                found[name] = offset, _bytes_left(size) if how == _SHIFT else size
        return found
