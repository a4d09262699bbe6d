"""The policy on a running fleet: how soon files that are uploaded again are found, against uniform in the same run."""
