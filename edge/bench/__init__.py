"""What the way of a frame costs on this machine, each figure beside the bare runtime's in the same run."""
