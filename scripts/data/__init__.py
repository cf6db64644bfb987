"""Rules of awarding bodies as they are published."""
