.PHONY: report test repeat check benchmark setup

report test repeat check benchmark setup:
	@python3 tools/run.py $@
