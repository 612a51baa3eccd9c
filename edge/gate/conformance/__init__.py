"""Is a gate safe? Plays the daemon against any implementation of one, over a real broker, rule by rule."""
