"""All pages, for the app to serve."""

from rag_flywheel.web import aside, assets, compare, home, rollout, sign_in, versions

PAGES = (assets, sign_in, home, versions, rollout, aside, compare)
