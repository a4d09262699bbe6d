"""Takes the bytes of a body as they stream past: decodes, unpacks and hashes them, and keeps no file."""
