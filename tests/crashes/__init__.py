"""What a server that is killed leaves behind: stories over real processes, run by the suite and by seeds."""
