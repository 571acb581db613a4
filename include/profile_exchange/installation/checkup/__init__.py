"""Is an installation sound? Each check is a function that says how to mend what is wrong."""
