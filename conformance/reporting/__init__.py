"""What is made of a report (schemas/report.json) and of nothing else: summaries, pages, badges, JUnit XML. Pure."""
