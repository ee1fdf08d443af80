"""The pages: sign-in, today's lessons, the teacher's page and the site's page.

Templates and plain ES modules, served as they are: no bundler, no framework, under 150 KB a page.
The pages hold no data of their own; everything a person sees comes through the public API.
"""
