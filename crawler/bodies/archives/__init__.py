"""Archives and compressed files, looked into while their bytes stream past."""
