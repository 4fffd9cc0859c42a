// A stand-in for a device of v4l2loopback, by LD_PRELOAD: a plain file answers the ioctls of a video output, and keeps the bytes that are
// written to it. The structs are those of the kernel's own header. FAKE_V4L2_SIZE=WxH keeps a size, as a device that is read does.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_format(struct v4l2_format *format) {
    struct v4l2_pix_format *pix = &format->fmt.pix;
    if (format->type != V4L2_BUF_TYPE_VIDEO_OUTPUT || pix->pixelformat != V4L2_PIX_FMT_YUYV || pix->bytesperline != 2 * pix->width ||
        pix->sizeimage != pix->bytesperline * pix->height || pix->field != V4L2_FIELD_NONE || pix->colorspace != V4L2_COLORSPACE_SMPTE170M) {
        errno = EINVAL;
        return -1;
    }
    const char *kept = getenv("FAKE_V4L2_SIZE");
    if (kept && sscanf(kept, "%ux%u", &pix->width, &pix->height) == 2) {
        pix->bytesperline = 2 * pix->width;
        pix->sizeimage = pix->bytesperline * pix->height;
    }
    fprintf(stderr, "fake v4l2: %ux%u\n", pix->width, pix->height);
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request == VIDIOC_QUERYCAP) {
        struct v4l2_capability *can = argument;
        memset(can, 0, sizeof *can);
        can->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_DEVICE_CAPS;
        can->device_caps = getenv("FAKE_V4L2_CAMERA") ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_VIDEO_OUTPUT;
        return 0;
    }
    if (request == VIDIOC_S_FMT) {
        return set_format(argument);
    }
    if (request == VIDIOC_S_PARM) {
        struct v4l2_streamparm *parm = argument;
        struct v4l2_fract time = parm->parm.output.timeperframe;
        fprintf(stderr, "fake v4l2: %u/%u s\n", time.numerator, time.denominator);
        return 0;
    }
    return syscall(SYS_ioctl, fd, request, argument);
}
