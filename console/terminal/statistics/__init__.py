"""`orbweaver stats`: the numbers of the cases as a text for people, as JSON and as a table for other programs."""
