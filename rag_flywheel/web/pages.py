"""All pages, for the app to serve."""

from rag_flywheel.web import assets, gaps, home, sign_in

PAGES = (assets, sign_in, home, gaps)
