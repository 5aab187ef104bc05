"""The stories that the demo plays, one for each policy: people who do what reaches them. ``choice`` says which there are."""
