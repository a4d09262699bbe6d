"""The files that a film is made of: playlists, manifests, and the thumbnails that cues name."""
