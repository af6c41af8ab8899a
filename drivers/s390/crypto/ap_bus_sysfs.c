// SPDX-License-Identifier: GPL-2.0
/*
 * The bus in sysfs: /sys/bus/ap.
 *
 * A value that is written has to be all of what is written, up to the first NUL
 * and with a newline behind it at most; otherwise it is -EINVAL and nothing
 * changes.
 */
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "ap_priv.h"

/* seconds between two scans */
#define CONFIG_TIME_MIN		5
#define CONFIG_TIME_MAX		120

/*
 * What there is.
 */

static ssize_t show_line(char *buf, const char *text)
{
	return sysfs_emit(buf, "%s\n", text);
}

static ssize_t show_number(char *buf, u64 number)
{
	return sysfs_emit(buf, "%llu\n", number);
}

/* One of the masks of QCI. The scan may be renewing it: see it then next time */
static ssize_t show_qci_mask(char *buf, const unsigned int *mask)
{
	int i, len;

	if (!ap_qci_now.flags)
		return show_line(buf, "not supported");

	len = sysfs_emit(buf, "0x");
	for (i = 0; i < 8; i++)
		len += sysfs_emit_at(buf, len, "%08x", mask[i]);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t adapters_show(const struct bus_type *bus, char *buf)
{
	return show_qci_mask(buf, ap_qci_now.apm);
}

static ssize_t usage_domains_show(const struct bus_type *bus, char *buf)
{
	return show_qci_mask(buf, ap_qci_now.aqm);
}

static ssize_t control_domains_show(const struct bus_type *bus, char *buf)
{
	return show_qci_mask(buf, ap_qci_now.adm);
}

static ssize_t features_show(const struct bus_type *bus, char *buf)
{
	const struct ap_config_info *qci = &ap_qci_now;
	const struct {
		bool there;
		const char *name;
	} features[] = {
		{ qci->apsc, "APSC" },
		{ qci->apxa, "APXA" },
		{ qci->qact, "QACT" },
		{ qci->rc8a, "RC8A" },
		{ qci->apsb, "APSB" },
	};
	int i, len = 0;

	if (!qci->flags)
		return show_line(buf, "-");

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].there)
			len += sysfs_emit_at(buf, len, "%s%s", len ? " " : "",
					     features[i].name);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t max_adapter_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_max_adapter_id);
}

static ssize_t max_domain_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_max_domain_id);
}

static ssize_t interrupts_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_poll_interrupts());
}

/*
 * Who gets it.
 */

static ssize_t apmask_show(const struct bus_type *bus, char *buf)
{
	return ap_mask_show(&ap_mask_adapters, buf);
}

static ssize_t apmask_store(const struct bus_type *bus, const char *buf,
			    size_t count)
{
	return ap_mask_write(&ap_mask_adapters, buf, count) ?: count;
}

static ssize_t aqmask_show(const struct bus_type *bus, char *buf)
{
	return ap_mask_show(&ap_mask_domains, buf);
}

static ssize_t aqmask_store(const struct bus_type *bus, const char *buf,
			    size_t count)
{
	return ap_mask_write(&ap_mask_domains, buf, count) ?: count;
}

/* The domain for requests that name none, -1 while there is no such domain */
static ssize_t domain_show(const struct bus_type *bus, char *buf)
{
	return sysfs_emit(buf, "%d\n", ap_domain_index);
}

static ssize_t domain_store(const struct bus_type *bus, const char *buf,
			    size_t count)
{
	int domain;

	/* decimal, hex or octal */
	if (kstrtoint(buf, 0, &domain) || domain < 0)
		return -EINVAL;
	return ap_scan_set_domain(domain) ?: count;
}

/* Before the first scan nothing is complete, not even nothing */
static ssize_t bindings_show(const struct bus_type *bus, char *buf)
{
	bool scanned = ap_scan_count() > 0;
	unsigned int apqns, bound;

	ap_bus_count_bindings(&apqns, &bound);
	return sysfs_emit(buf, "%u/%u%s\n", bound, apqns,
			  scanned && bound == apqns ? " (complete)" : "");
}

static ssize_t bindings_completed_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_bus_bindings_completed());
}

/*
 * What has become of queues that were handed over; of all since the bus is there.
 */

/**
 * ap_sysfs_figure() - the text of a figure
 * @buf: where to
 * @figures: those of a queue or of the bus
 * @nr: which one
 *
 * Context: any. Lock-free: each is one number that only grows.
 * Return: length of the text.
 */
ssize_t ap_sysfs_figure(char *buf, const atomic64_t *figures, enum ap_figure nr)
{
	u64 figure = atomic64_read(&figures[nr]);

	return show_number(buf, nr == AP_FIGURE_RESET_NS ?
				figure / NSEC_PER_USEC : figure);
}

static ssize_t hand_overs_show(const struct bus_type *bus, char *buf)
{
	return ap_sysfs_figure(buf, ap_figures, AP_FIGURE_HAND_OVERS);
}

static ssize_t flushed_show(const struct bus_type *bus, char *buf)
{
	return ap_sysfs_figure(buf, ap_figures, AP_FIGURE_FLUSHED);
}

static ssize_t resent_show(const struct bus_type *bus, char *buf)
{
	return ap_sysfs_figure(buf, ap_figures, AP_FIGURE_RESENT);
}

static ssize_t reset_time_show(const struct bus_type *bus, char *buf)
{
	return ap_sysfs_figure(buf, ap_figures, AP_FIGURE_RESET_NS);
}

/*
 * When it is looked at.
 */

static ssize_t scans_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_scan_count());
}

/* Whatever is written asks for a scan, which is over when the write returns */
static ssize_t scans_store(const struct bus_type *bus, const char *buf,
			   size_t count)
{
	AP_DBF_INFO("%s scan asked for by user\n", __func__);
	ap_bus_force_rescan();
	return count;
}

static ssize_t interval_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_scan_interval());
}

static ssize_t interval_store(const struct bus_type *bus, const char *buf,
			      size_t count)
{
	int seconds;

	/* decimal only, always was: 010 is ten */
	if (kstrtoint(buf, 10, &seconds) ||
	    seconds < CONFIG_TIME_MIN || seconds > CONFIG_TIME_MAX)
		return -EINVAL;
	ap_scan_set_interval(seconds);
	return count;
}

/**
 * ap_sysfs_bool() - what was written to an attribute that is on or off
 * @buf: as it was written
 * @on: what it says
 *
 * The words are those that kstrtobool() knows. That one only looks at how they
 * begin, and takes "nan" for off.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int ap_sysfs_bool(const char *buf, bool *on)
{
	/* each word for off with one for on behind it */
	static const char * const words[] = {
		"0", "1", "n", "y", "f", "t", "off", "on", "no", "yes",
		"false", "true",
	};
	size_t len = strcspn(buf, "\n");
	int i;

	if (!len || (buf[len] && buf[len + 1]))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i]) == len && !strncasecmp(words[i], buf, len)) {
			*on = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

static ssize_t poll_thread_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_poll_thread_on());
}

static ssize_t poll_thread_store(const struct bus_type *bus, const char *buf,
				 size_t count)
{
	bool on;

	if (ap_sysfs_bool(buf, &on))
		return -EINVAL;
	return ap_poll_thread_set(on) ?: count;
}

/* Nanoseconds; ap_poll.c knows how many are sensible */
static ssize_t poll_timeout_show(const struct bus_type *bus, char *buf)
{
	return show_number(buf, ap_poll_timeout_get());
}

static ssize_t poll_timeout_store(const struct bus_type *bus, const char *buf,
				  size_t count)
{
	unsigned long ns;

	if (kstrtoul(buf, 0, &ns))
		return -EINVAL;
	return ap_poll_timeout_set(ns) ?: count;
}

/* The attributes, as numbers; see bus_attr for their names */
enum bus_attr_nr {
	BUS_ADAPTERS,
	BUS_USAGE_DOMAINS,
	BUS_CONTROL_DOMAINS,
	BUS_MAX_ADAPTER,
	BUS_MAX_DOMAIN,
	BUS_INTERRUPTS,
	BUS_FEATURES,
	BUS_APMASK,
	BUS_AQMASK,
	BUS_DOMAIN,
	BUS_BINDINGS,
	BUS_HAND_OVER_COUNT,
	BUS_FLUSHED_COUNT,
	BUS_RESENT_COUNT,
	BUS_RESET_TIME,
	BUS_BINDINGS_COMPLETED,
	BUS_SCANS,
	BUS_INTERVAL,
	BUS_POLL_THREAD,
	BUS_POLL_TIMEOUT,
	NR_BUS_ATTRS
};

static struct bus_attribute bus_attr[NR_BUS_ATTRS] = {
	[BUS_ADAPTERS] = __ATTR(ap_adapter_mask, 0444, adapters_show, NULL),
	[BUS_USAGE_DOMAINS] = __ATTR(ap_usage_domain_mask, 0444,
				     usage_domains_show, NULL),
	[BUS_CONTROL_DOMAINS] = __ATTR(ap_control_domain_mask, 0444,
				       control_domains_show, NULL),
	[BUS_MAX_ADAPTER] = __ATTR(ap_max_adapter_id, 0444, max_adapter_show,
				   NULL),
	[BUS_MAX_DOMAIN] = __ATTR(ap_max_domain_id, 0444, max_domain_show,
				  NULL),
	[BUS_INTERRUPTS] = __ATTR(ap_interrupts, 0444, interrupts_show, NULL),
	[BUS_FEATURES] = __ATTR(features, 0444, features_show, NULL),
	[BUS_APMASK] = __ATTR(apmask, 0644, apmask_show, apmask_store),
	[BUS_AQMASK] = __ATTR(aqmask, 0644, aqmask_show, aqmask_store),
	[BUS_DOMAIN] = __ATTR(ap_domain, 0644, domain_show, domain_store),
	[BUS_BINDINGS] = __ATTR(bindings, 0444, bindings_show, NULL),
	[BUS_HAND_OVER_COUNT] = __ATTR(hand_over_count, 0444, hand_overs_show,
				       NULL),
	[BUS_FLUSHED_COUNT] = __ATTR(flushed_count, 0444, flushed_show, NULL),
	[BUS_RESENT_COUNT] = __ATTR(resent_count, 0444, resent_show, NULL),
	[BUS_RESET_TIME] = __ATTR(reset_time, 0444, reset_time_show, NULL),
	[BUS_BINDINGS_COMPLETED] = __ATTR(bindings_complete_count, 0444,
					  bindings_completed_show, NULL),
	[BUS_SCANS] = __ATTR(scans, 0644, scans_show, scans_store),
	[BUS_INTERVAL] = __ATTR(config_time, 0644, interval_show,
				interval_store),
	[BUS_POLL_THREAD] = __ATTR(poll_thread, 0644, poll_thread_show,
				   poll_thread_store),
	[BUS_POLL_TIMEOUT] = __ATTR(poll_timeout, 0644, poll_timeout_show,
				    poll_timeout_store),
};

static struct attribute *ap_bus_attrs[NR_BUS_ATTRS + 1] = {
	[BUS_ADAPTERS] = &bus_attr[BUS_ADAPTERS].attr,
	[BUS_USAGE_DOMAINS] = &bus_attr[BUS_USAGE_DOMAINS].attr,
	[BUS_CONTROL_DOMAINS] = &bus_attr[BUS_CONTROL_DOMAINS].attr,
	[BUS_MAX_ADAPTER] = &bus_attr[BUS_MAX_ADAPTER].attr,
	[BUS_MAX_DOMAIN] = &bus_attr[BUS_MAX_DOMAIN].attr,
	[BUS_INTERRUPTS] = &bus_attr[BUS_INTERRUPTS].attr,
	[BUS_FEATURES] = &bus_attr[BUS_FEATURES].attr,
	[BUS_APMASK] = &bus_attr[BUS_APMASK].attr,
	[BUS_AQMASK] = &bus_attr[BUS_AQMASK].attr,
	[BUS_DOMAIN] = &bus_attr[BUS_DOMAIN].attr,
	[BUS_BINDINGS] = &bus_attr[BUS_BINDINGS].attr,
	[BUS_HAND_OVER_COUNT] = &bus_attr[BUS_HAND_OVER_COUNT].attr,
	[BUS_FLUSHED_COUNT] = &bus_attr[BUS_FLUSHED_COUNT].attr,
	[BUS_RESENT_COUNT] = &bus_attr[BUS_RESENT_COUNT].attr,
	[BUS_RESET_TIME] = &bus_attr[BUS_RESET_TIME].attr,
	[BUS_BINDINGS_COMPLETED] = &bus_attr[BUS_BINDINGS_COMPLETED].attr,
	[BUS_SCANS] = &bus_attr[BUS_SCANS].attr,
	[BUS_INTERVAL] = &bus_attr[BUS_INTERVAL].attr,
	[BUS_POLL_THREAD] = &bus_attr[BUS_POLL_THREAD].attr,
	[BUS_POLL_TIMEOUT] = &bus_attr[BUS_POLL_TIMEOUT].attr,
};

static const struct attribute_group ap_bus_group = {
	.attrs = ap_bus_attrs,
};

const struct attribute_group *ap_bus_groups[] = {
	&ap_bus_group,
	NULL
};
