package public_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify/internal/public"
)

func TestR36_Addresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
		"127.0.0.1", "127.1.2.3", "127.255.255.255", "169.254.0.1", "169.254.169.254", "169.254.170.2",
		"172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
		"255.255.255.255", "168.63.129.16",
		"::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1",
		"2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254",
		"fe80::1", "fe80::1%eth0", "feaf::1", "fec0::1", "ff02::1", "ff0e::1", "2606:4700::1111%eth0",
	} {
		require.False(t, allowed(netip.MustParseAddr(address)), address)
	}
	require.False(t, allowed(netip.Addr{}))
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
		"223.255.255.255", "2001:200::1", "2003::1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
	} {
		require.True(t, allowed(netip.MustParseAddr(address)), address)
	}
	leave := netip.MustParsePrefix("10.1.0.0/16")
	require.True(t, allowed(netip.MustParseAddr("10.1.2.3"), leave))
	require.True(t, allowed(netip.MustParseAddr("::ffff:10.1.2.3"), leave))
	require.False(t, allowed(netip.MustParseAddr("10.2.0.1"), leave))
}

func allowed(a netip.Addr, allow ...netip.Prefix) bool { return public.Permitted(a, allow) }
