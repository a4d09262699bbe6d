"""Jobs, workers and recrawls under way as operators are shown them; nothing here changes anything."""
