"""The commands, one file each: the options, the call of the job, and the lines about its result."""
