.PHONY: report test check benchmark setup

report test check benchmark setup:
	@python3 tools/run.py $@
