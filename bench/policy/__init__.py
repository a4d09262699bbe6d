"""Compares policies of revisiting hosts, on simulated hosts whose re-uploads are known, with the same budget."""
