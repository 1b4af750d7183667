"""The server: an API for every client, a page for people, and what it takes to keep both running."""
