# SPDX-License-Identifier: GPL-2.0
# Sourced: apt with a state of its own under build/, so that the architectures and
# lists of the host stay as they are.  Only what the Debian archive keyring signs
# is taken.
# shellcheck shell=bash

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_state DIR ARCHITECTURE: makes it anew; apt-get and apt-cache use it from now
# on.  Sources are to be written to DIR/etc/sources.list.
apt_state() {
	local apt=$1
	[ -r "$keyring" ] || fail 2 "$keyring is missing; the package debian-archive-keyring has it"
	rm -rf "$apt"
	mkdir -p "$apt"/etc "$apt"/state/lists/partial "$apt"/cache/archives/partial "$apt"/debs || exit 1
	: >"$apt/state/status"
	# The host's configuration is read between these two: what it has apt call
	# after an update is for the host's own lists.
	cat >"$apt/etc/hooks.conf" <<-CONF
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear APT::Update::Pre-Invoke;
	CONF
	cat >"$apt/etc/apt.conf" <<-CONF
	Dir::Etc::SourceList "$apt/etc/sources.list";
	Dir::Etc::SourceParts "/dev/null";
	Dir::State "$apt/state";
	Dir::State::status "$apt/state/status";
	Dir::Cache "$apt/cache";
	APT::Architecture "$2";
	APT::Architectures { "$2"; };
	APT::Sandbox::User "root";
	APT::Get::List-Cleanup "false";
	Acquire::Languages "none";
	APT::Update::Error-Mode "any";
	Acquire::Retries "2";
	Acquire::http::Timeout "30";
	Acquire::https::Timeout "30";
	CONF
}

# debian_sources: "URI SUITE COMPONENT" of the host's Debian sources, whatever
# form its configuration has; apt tells of what it has fetched the lists of
host_sources() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sort -u | sed -n 's/^Debian //p'
}
debian_sources() {
	local sources
	sources=$(host_sources)
	[ -n "$sources" ] || { apt-get -o Acquire::Retries=2 update >&2 && sources=$(host_sources); }
	[ -n "$sources" ] || return
	echo "$sources"
}
NO_SOURCE="apt knows no Debian package source; is there one in /etc/apt, and does apt-get update work?"

# debian_uri: of the host's sources the mirror of Debian itself, for other suites of it
debian_uri() {
	local sources
	sources=$(debian_sources) || fail 2 "$NO_SOURCE"
	awk '$1 ~ /\/debian\/?$/ { print $1; found = 1; exit }
		NR == 1 { first = $1 }
		END { if (!found) print first }' <<<"$sources"
}

# get APT WORD...
get() {
	local apt=$1
	shift
	APT_CONFIG=$apt/etc/apt.conf patiently apt-get -c "$apt/etc/hooks.conf" "$@"
}
