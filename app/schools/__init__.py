"""The county's tree of townships, schools and teaching sites, and their rooms."""
