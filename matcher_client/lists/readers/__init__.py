"""One module for each format of hash list, reading a stream of UTF-8 in bounded memory."""
