"""All pages, for the app to serve."""

from rag_flywheel.web import (
    answers,
    aside,
    assets,
    chat,
    compare,
    consent,
    conversations,
    documents,
    gaps,
    my_corrections,
    rollout,
    sign_in,
    versions,
)

PAGES = (
    assets,
    sign_in,
    gaps,
    chat,
    answers,
    documents,
    my_corrections,
    conversations,
    consent,
    versions,
    rollout,
    aside,
    compare,
)
