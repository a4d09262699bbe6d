"""What a check says of the file of a case, when that is a removal, and when the case is checked next."""
