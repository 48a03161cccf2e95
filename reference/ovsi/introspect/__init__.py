"""What the kernel itself holds of an overlay: BTF, memory through BPF, the walk. Nothing here knows of images."""
