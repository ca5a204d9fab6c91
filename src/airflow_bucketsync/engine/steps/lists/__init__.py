"""Lists of objects in place of a listing: read, held against their rules, put in order, looked up."""
