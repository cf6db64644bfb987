// The reference server of the tus protocol, as its documentation starts it: STORE (file or s3), PORT, FOLDER, ENDPOINT.
import { FileStore } from '@tus/file-store'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

const { STORE, PORT, FOLDER, ENDPOINT, ACCESS_KEY, SECRET_KEY, BUCKET } = process.env
const datastore =
  STORE === 's3'
    ? new S3Store({
        partSize: 8 * 1024 * 1024,
        s3ClientConfig: {
          bucket: BUCKET,
          region: 'us-east-1',
          endpoint: ENDPOINT,
          forcePathStyle: true,
          credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }
        }
      })
    : new FileStore({ directory: FOLDER })
const server = new Server({ path: '/files', datastore })
server.listen({ host: '127.0.0.1', port: Number(PORT) })
