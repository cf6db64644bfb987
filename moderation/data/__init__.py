"""Reference data that ships with moderation: sample profiles."""
