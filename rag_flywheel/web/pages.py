"""All pages, for the app to serve."""

from rag_flywheel.web import answers, assets, chat, consent, conversations, documents, my_corrections, sign_in

PAGES = (assets, sign_in, chat, answers, documents, my_corrections, conversations, consent)
