___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Try-on button",
  "categories": [
    "PERSONALIZATION"
  ],
  "brand": {
    "id": "brand_dummy",
    "displayName": ""
  },
  "description": "Loads the try-on button from your own try-on server, for the try-on-button elements of the page.",
  "containerContexts": [
    "WEB"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "TEXT",
    "name": "server",
    "displayName": "Try-on server",
    "simpleValueType": true,
    "defaultValue": "https://tryon.shop.example",
    "help": "Its TRYON_PUBLIC_URL. The template's permission to inject scripts names the same address.",
    "valueValidators": [
      {
        "type": "NON_EMPTY"
      },
      {
        "type": "REGEX",
        "args": [
          "https://.+"
        ],
        "errorMessage": "It begins with https://."
      }
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const injectScript = require('injectScript');
const log = require('logToConsole');
const queryPermission = require('queryPermission');

let server = data.server;
if (server.charAt(server.length - 1) === '/') server = server.slice(0, -1);
// A plain script, which loads the button's module: a template can inject no other kind.
const url = server + '/try-on-loader.js';

if (queryPermission('inject_script', url)) {
  injectScript(url, data.gtmOnSuccess, data.gtmOnFailure, url);
} else {
  log('Try-on button: the template may not inject ' + url + '; its permissions say what it may.');
  data.gtmOnFailure();
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "inject_script",
        "versionId": "1"
      },
      "param": [
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "https://tryon.shop.example/*"
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "logging",
        "versionId": "1"
      },
      "param": [
        {
          "key": "environments",
          "value": {
            "type": 1,
            "string": "debug"
          }
        }
      ]
    },
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: It injects the loader of the server
  code: |-
    mock('injectScript', (url, success) => {
      assertThat(url).isEqualTo('https://tryon.shop.example/try-on-loader.js');
      success();
    });
    runCode({ server: 'https://tryon.shop.example' });
    assertApi('injectScript').wasCalled();
    assertApi('gtmOnSuccess').wasCalled();
    assertApi('gtmOnFailure').wasNotCalled();
- name: A slash at the end does no harm
  code: |-
    mock('injectScript', (url) => {
      assertThat(url).isEqualTo('https://tryon.shop.example/try-on-loader.js');
    });
    runCode({ server: 'https://tryon.shop.example/' });
    assertApi('injectScript').wasCalled();
- name: It fails where the script cannot be loaded
  code: |-
    mock('injectScript', (url, success, failure) => {
      failure();
    });
    runCode({ server: 'https://tryon.shop.example' });
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
- name: It fails, and says why, where it may not inject from the server
  code: |-
    runCode({ server: 'https://elsewhere.example' });
    assertApi('injectScript').wasNotCalled();
    assertApi('logToConsole').wasCalled();
    assertApi('gtmOnFailure').wasCalled();


___NOTES___

integrations/gtm/README.md of the try-on server says how it is used and what was tried.
