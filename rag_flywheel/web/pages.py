"""All pages, for the app to serve."""

from rag_flywheel.web import assets, home, sign_in

PAGES = (assets, sign_in, home)
