"""The camera: frames from any source, through shared memory, newest wins; what is wrong with them is said."""
