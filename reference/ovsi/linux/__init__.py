"""One thin function per system call, and parsers of what the kernel prints. Nothing here knows of overlayfs."""
