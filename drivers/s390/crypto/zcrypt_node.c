// SPDX-License-Identifier: GPL-2.0
/*
 * Device nodes beside /dev/z90crypt, each with masks of its own: which ioctls,
 * cards and domains a program may use through it.
 *
 * A file holds its node: after the node was destroyed, what is open goes on
 * with the masks as they are. The number of a node is free again when the last
 * file is closed.
 */
#include <linux/cdev.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/slab.h>

#include "zcrypt_debug.h"
#include "zcrypt_request.h"

#define NODE_NAME_SIZE	32

struct zcrypt_node {
	struct device device;
	struct ap_perms perms;
};

#define to_node(d)	container_of(d, struct zcrypt_node, device)

static dev_t node_devt;
static struct cdev node_cdev;
static DEFINE_IDA(node_minors);
/*
 * For the creation and destruction of nodes. Not ap_perms_mutex: the end of a
 * node waits for those who are in its attributes, and these take that one.
 */
static DEFINE_MUTEX(node_mutex);
static bool nodes_closed;	/* under node_mutex: the module goes */

/*
 * The masks, as attributes.
 */
struct node_mask {
	struct device_attribute attr;
	size_t offset;		/* in struct ap_perms */
	unsigned int bits;
};

static unsigned long *node_mask_of(struct device *dev,
				   struct device_attribute *attr,
				   unsigned int *bits)
{
	struct node_mask *mask = container_of(attr, struct node_mask, attr);

	*bits = mask->bits;
	return (void *)&to_node(dev)->perms + mask->offset;
}

static ssize_t mask_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	unsigned int bits, i;
	unsigned long *mask = node_mask_of(dev, attr, &bits);
	int n = sysfs_emit(buf, "0x");

	if (mutex_lock_interruptible(&ap_perms_mutex))
		return -ERESTARTSYS;
	for (i = 0; i < BITS_TO_LONGS(bits); i++)
		n += sysfs_emit_at(buf, n, "%016lx", mask[i]);
	mutex_unlock(&ap_perms_mutex);
	return n + sysfs_emit_at(buf, n, "\n");
}

static ssize_t mask_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	unsigned int bits;
	unsigned long *mask = node_mask_of(dev, attr, &bits);

	return ap_parse_mask_str(buf, mask, bits, &ap_perms_mutex) ?: count;
}

#define NODE_MASK(_name, _field, _bits) {				\
	.attr = __ATTR(_name, 0644, mask_show, mask_store),		\
	.offset = offsetof(struct ap_perms, _field),			\
	.bits = _bits,							\
}

static struct node_mask node_masks[] = {
	NODE_MASK(ioctlmask, ioctlm, AP_IOCTLS),
	NODE_MASK(apmask, apm, AP_DEVICES),
	NODE_MASK(aqmask, aqm, AP_DOMAINS),
	NODE_MASK(admask, adm, AP_DOMAINS),
};

static struct attribute *node_attrs[] = {
	&node_masks[0].attr.attr,
	&node_masks[1].attr.attr,
	&node_masks[2].attr.attr,
	&node_masks[3].attr.attr,
	NULL
};

static_assert(ARRAY_SIZE(node_attrs) == ARRAY_SIZE(node_masks) + 1);

ATTRIBUTE_GROUPS(node);

/*
 * Nodes.
 */
static unsigned int node_minor(const struct device *dev)
{
	return MINOR(dev->devt) - MINOR(node_devt);
}

static void node_release(struct device *dev)
{
	ZCRYPT_DBF_INFO("node %d:%d: gone\n", MAJOR(dev->devt), MINOR(dev->devt));
	ida_free(&node_minors, node_minor(dev));
	kfree(to_node(dev));
}

/*
 * The driver core makes another character of a slash, and the name would not be
 * found again; what is not printable would go into uevents and the log as it is.
 */
static bool name_valid(const char *name)
{
	while (*name && isascii(*name) && isprint(*name) && *name != '/')
		name++;
	return !*name;
}

/*
 * The names end up in a directory that has the attributes of the class too.
 */
static bool name_reserved(const char *name)
{
	return !strcmp(name, "create") || !strcmp(name, "destroy") ||
	       !strcmp(name, ".") || !strcmp(name, "..");
}

static const struct class node_class;

static bool name_taken(const char *name)
{
	struct device *dev = class_find_device_by_name(&node_class, name);

	put_device(dev);
	return dev;
}

/* Without a name a node is called by its minor number */
static void name_of_minor(char *name, int minor)
{
	snprintf(name, NODE_NAME_SIZE, ZCRYPT_NAME "_%d",
		 (int)MINOR(node_devt) + minor);
}

/*
 * The first minor number that is free; if @name is empty, the first one whose name
 * is free too, and that name. Somebody may have given it to another node. Returns
 * it, or an errno.
 */
static int node_alloc_minor(char *name)
{
	bool unnamed = !*name;
	int minor, from = 0;

	for (;;) {
		minor = ida_alloc_range(&node_minors, from,
					ZCRYPT_MAX_MINOR_NODES - 1, GFP_KERNEL);
		if (minor < 0 || !unnamed)
			return minor;
		name_of_minor(name, minor);
		if (!name_taken(name))
			return minor;
		ida_free(&node_minors, minor);
		from = minor + 1;
	}
}

/* @name has room for the one that the node gets if it is empty */
static int node_create(char *name)
{
	struct zcrypt_node *node;
	struct device *dev;
	int minor, rc;

	if (nodes_closed)
		return -ENODEV;
	if (!name_valid(name))
		return -EINVAL;
	if (*name && (name_taken(name) || name_reserved(name)))
		return -EEXIST;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	minor = node_alloc_minor(name);
	if (minor < 0) {
		kfree(node);
		return minor;
	}

	dev = &node->device;
	device_initialize(dev);
	dev->class = &node_class;
	dev->devt = node_devt + minor;
	dev->groups = node_groups;
	dev->release = node_release;
	rc = dev_set_name(dev, "%s", name);
	if (!rc)
		rc = device_add(dev);
	if (rc)
		put_device(dev);
	return rc;
}

static int node_destroy(char *name)
{
	struct device *dev = class_find_device_by_name(&node_class, name);

	if (!dev)
		return -ENOENT;
	device_unregister(dev);
	put_device(dev);
	return 0;
}

/* Both attributes of the class take a name, with white space around it */
static ssize_t node_command(const char *buf, size_t count,
			    int (*command)(char *name))
{
	char text[NODE_NAME_SIZE];
	size_t len;
	int rc;

	buf = skip_spaces(buf);
	len = strlen(buf);
	while (len && isspace(buf[len - 1]))
		len--;
	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	if (mutex_lock_interruptible(&node_mutex))
		return -ERESTARTSYS;
	rc = command(text);
	mutex_unlock(&node_mutex);
	return rc ? rc : count;
}

static ssize_t create_store(const struct class *class,
			    const struct class_attribute *attr,
			    const char *buf, size_t count)
{
	return node_command(buf, count, node_create);
}

static ssize_t destroy_store(const struct class *class,
			     const struct class_attribute *attr,
			     const char *buf, size_t count)
{
	return node_command(buf, count, node_destroy);
}

/* Readable to their owner, who gets an error: so programs know their mode */
static struct class_attribute class_attr_create =
	__ATTR(create, 0600, NULL, create_store);
static struct class_attribute class_attr_destroy =
	__ATTR(destroy, 0600, NULL, destroy_store);

static struct attribute *node_class_attrs[] = {
	&class_attr_create.attr,
	&class_attr_destroy.attr,
	NULL
};

ATTRIBUTE_GROUPS(node_class);

static const struct class node_class = {
	.name = ZCRYPT_NAME,
	.class_groups = node_class_groups,
};

/**
 * zcrypt_node_open() - what a program may do through the node it has opened
 * @inode: of the node
 * @file: its private data is set to the node's struct ap_perms
 *
 * Context: process, sleeps.
 * Return: 0, or -ENODEV when the node was destroyed just now.
 */
int zcrypt_node_open(struct inode *inode, struct file *file)
{
	struct ap_perms *perms = &ap_perms;
	struct device *dev;

	if (inode->i_cdev == &node_cdev) {
		dev = class_find_device_by_devt(&node_class, inode->i_rdev);
		if (!dev)
			return -ENODEV;
		perms = &to_node(dev)->perms;
	}
	file->private_data = perms;
	return 0;
}

/**
 * zcrypt_node_release() - a file is closed
 * @inode: of the node
 * @file: the file
 *
 * Context: process, sleeps.
 * Return: 0
 */
int zcrypt_node_release(struct inode *inode, struct file *file)
{
	struct ap_perms *perms = file->private_data;

	if (perms != &ap_perms)
		put_device(&container_of(perms, struct zcrypt_node, perms)->device);
	return 0;
}

/**
 * zcrypt_node_init() - the class, and the numbers for nodes
 * @fops: what can be done with a node
 *
 * Context: module init.
 * Return: 0 or an errno.
 */
int zcrypt_node_init(const struct file_operations *fops)
{
	int rc;

	rc = alloc_chrdev_region(&node_devt, 0, ZCRYPT_MAX_MINOR_NODES,
				 ZCRYPT_NAME);
	if (rc)
		return rc;
	cdev_init(&node_cdev, fops);
	node_cdev.owner = THIS_MODULE;
	/* Who opens one looks for it in the class */
	rc = class_register(&node_class);
	if (rc)
		goto no_class;
	rc = cdev_add(&node_cdev, node_devt, ZCRYPT_MAX_MINOR_NODES);
	if (!rc)
		return 0;
	class_unregister(&node_class);
no_class:
	unregister_chrdev_region(node_devt, ZCRYPT_MAX_MINOR_NODES);
	return rc;
}

static int node_any(struct device *dev, const void *unused)
{
	return 1;
}

/**
 * zcrypt_node_exit() - all nodes go
 *
 * Who creates or destroys one meanwhile is kept out until there are none, and
 * gets an error then: the attributes for that go last, with the class.
 *
 * Context: module exit; no file is open.
 */
void zcrypt_node_exit(void)
{
	struct device *dev;

	mutex_lock(&node_mutex);
	nodes_closed = true;
	while ((dev = class_find_device(&node_class, NULL, NULL, node_any))) {
		device_unregister(dev);
		put_device(dev);
	}
	mutex_unlock(&node_mutex);
	cdev_del(&node_cdev);
	class_unregister(&node_class);
	unregister_chrdev_region(node_devt, ZCRYPT_MAX_MINOR_NODES);
	ida_destroy(&node_minors);
}
