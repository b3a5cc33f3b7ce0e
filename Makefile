# Building, testing and installing kvmsg, with GNU make. `make help` lists the targets.

# Where things go. DESTDIR, for building packages, is put in front of each.
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/kvmsg
UNITDIR    ?= $(PREFIX)/lib/systemd/system
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
SYSCONFDIR ?= /etc
# Whose service file is installed: systemd, openrc or none.
INIT       ?= systemd

CARGO      ?= cargo
INSTALL    ?= install
BUILDDIR   ?= $(or $(CARGO_TARGET_DIR),target)/release

PROGRAMS = kvmsgd kvmsg-cli
PAGES    = kvmsgd.8 kvmsg-cli.1 kvmsg.toml.5 kvmsg.7
DOCS     = README.md CHANGELOG.md LICENSE
EXAMPLES = kvmsg.toml

# Completions: the shell, and the place. They are written by a kvmsg-cli that runs here: another
# one than is installed, where that is built for another machine.
COMPLETIONS = bash:$(BASHDIR)/kvmsg-cli zsh:$(ZSHDIR)/_kvmsg-cli fish:$(FISHDIR)/kvmsg-cli.fish
COMPLETER  ?= $(BUILDDIR)/kvmsg-cli

# The service file: its mode, its source and its place.
SERVICE_systemd = 644 etc/kvmsgd.service $(UNITDIR)/kvmsgd.service
SERVICE_openrc  = 755 etc/kvmsgd.openrc $(SYSCONFDIR)/init.d/kvmsgd
SERVICE_none    =
SERVICE = $(or $(SERVICE_$(INIT)),$(if $(INIT:none=),$(error INIT: systemd, openrc or none)))

# The places of all that is installed, and the directories they lie in. In the tree, what is
# PLACED names the default places; once installed it names the real ones.
PLACED    = $(word 3,$(SERVICE)) \
	$(foreach page,$(PAGES),$(MANDIR)/man$(lastword $(subst ., ,$(page)))/$(page))
INSTALLED = $(PROGRAMS:%=$(BINDIR)/%) $(DOCS:%=$(DOCDIR)/%) \
	$(EXAMPLES:%=$(DOCDIR)/examples/%) $(PLACED) \
	$(foreach pair,$(COMPLETIONS),$(lastword $(subst :, ,$(pair))))
DIRS = $(patsubst %/,%,$(sort $(dir $(INSTALLED))))

.DEFAULT_GOAL := build
.PHONY: build server client demo test soak bench check install uninstall clean help

build: ## build the programs; plain `make` does this
	$(CARGO) build --locked --release

server: build ## build kvmsgd and run it in the foreground; its flags go in ARGS="..."
	$(BUILDDIR)/kvmsgd $(ARGS)

client: build ## build kvmsg-cli and open its shell; its flags go in ARGS="..."
	$(BUILDDIR)/kvmsg-cli $(ARGS)

demo: build ## build all, and show a server, a client, and one that listens
	etc/demo.sh $(BUILDDIR)

test: ## run the tests, after naming those whose tools are missing
	@tests/skipped
	$(CARGO) test --locked --no-fail-fast

soak: ## list a million keys, kill daemons, and let many clients loose, SECS=600 seconds each
	KVMSG_SOAK_SECS=$(or $(SECS),600) $(CARGO) test --locked \
		--test fairness --test robust --test crash \
		-- --nocapture very_many_keys promises soak_of_crashes

# ROWS are names, or how names begin. KVMSGD and AGAINST are programs that were built elsewhere: one
# to measure, and one to measure it beside instead of redis-server. OWN=1 has our own generator make
# the load of PUT and GET, not redis-benchmark. PLOT is one more place for the plot of costs.
BENCH = $(strip $(if $(FULL),--full) $(if $(OWN),--own-load) \
	$(if $(KVMSGD),--kvmsgd '$(KVMSGD)') \
	$(if $(AGAINST),--against '$(AGAINST)') $(if $(PLOT),--plot '$(PLOT)') $(ROWS))

bench: ## measure kvmsgd beside redis-server; FULL=1 ROWS="put get-1" KVMSGD=a AGAINST=b PLOT=c
	$(CARGO) bench --locked --bench beside -- $(BENCH)

check: ## what CI checks: format, lints, tests, documentation, manual pages, scripts
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(MAKE) test
	$(CARGO) test --locked --bench parts
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps
	mandoc -T lint -W warning man/*
	shellcheck $$(grep -rIl '^#!/' .ci etc tests)

# Root needs no toolchain to install what somebody else has built.
install: $(PROGRAMS:%=$(BUILDDIR)/%) ## install what is built; only what is missing is built first
	$(INSTALL) -d $(DIRS:%='$(DESTDIR)%')
	$(INSTALL) -m 755 $^ '$(DESTDIR)$(BINDIR)'
	for page in $(PAGES); do \
		$(INSTALL) -m 644 man/$$page '$(DESTDIR)$(MANDIR)'/man$${page##*.} || exit; \
	done
	$(INSTALL) -m 644 $(DOCS) '$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -m 644 $(EXAMPLES) '$(DESTDIR)$(DOCDIR)/examples'
	for pair in $(COMPLETIONS); do \
		place='$(DESTDIR)'$${pair#*:}; \
		$(COMPLETER) completions $${pair%%:*} >"$$place" && chmod 644 "$$place" || exit; \
	done
ifneq ($(INIT),none)
	$(INSTALL) -m $(wordlist 1,2,$(SERVICE)) '$(DESTDIR)$(word 3,$(SERVICE))'
endif
	sed -i 's|/usr/local/bin/|$(BINDIR)/|; s|/usr/local/share/doc/kvmsg/|$(DOCDIR)/|' \
		$(PLACED:%='$(DESTDIR)%')

$(BUILDDIR)/%:
	$(MAKE) build

# Beneath DESTDIR every directory left empty goes too; otherwise DOCDIR alone is ours.
uninstall: ## remove all that install has put, given the same variables
	rm -f $(INSTALLED:%='$(DESTDIR)%')
	@for dir in $(DIRS); do \
		while case $$dir in $(if $(DESTDIR),?,$(DOCDIR))*) ;; *) false ;; esac && \
			rmdir '$(DESTDIR)'"$$dir" 2>/dev/null; \
		do dir=$${dir%/*}; done; \
	done

clean: ## remove what was built
	$(CARGO) clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' Makefile | \
		while read -r target text; do printf '%-10s %s\n' "$$target" "$$text"; done
	@echo 'Variables: DESTDIR PREFIX BINDIR MANDIR DOCDIR UNITDIR SYSCONFDIR INIT'
	@echo '           BASHDIR ZSHDIR FISHDIR COMPLETER'
