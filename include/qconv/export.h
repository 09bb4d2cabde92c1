// QCONV_API marks what a shared library of qconv exports; everything else is hidden, in static
// libraries too, so that it does not become part of the interface of a library that embeds one.
//
// Layer: public API.
#pragma once

#define QCONV_API __attribute__((visibility("default")))
