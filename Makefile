.PHONY: report test check setup

report test check setup:
	@python3 tools/run.py $@
