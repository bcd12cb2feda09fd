// Asks mailauth for the policies of the domains named as arguments; one JSON object per domain.
'use strict';

const { getPolicy } = require('mailauth/lib/mta-sts.js');

(async () => {
  for (const domain of process.argv.slice(2)) {
    const { policy, status } = await getPolicy(domain);
    console.log(JSON.stringify({ domain, status, policy, error: policy.error?.message }));
  }
})();
